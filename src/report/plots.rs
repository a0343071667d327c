//! The evaluation of the risk model as a page with plots: ROC curves, what was said against what happened, and how far
//! repositories differ.

use std::error::Error;
use std::fmt::Write as _;

use plotters::prelude::*;

use crate::risk::evaluate::{Figures, Report, best};

const SIZE: (u32, u32) = (560, 420);
/// Colours that also the colour-blind tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(90, 90, 90),
];
const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>The risk model's evaluation</title><style>\
    body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}figure{display:inline-block;vertical-align:top;margin:0 1rem 1rem 0}\
    figcaption{max-width:35rem}pre{overflow-x:auto}</style>";

type Lines = Vec<(String, Vec<(f64, f64)>)>;

/// The page: HTML that needs nothing beside it.
///
/// # Errors
/// A plot cannot be drawn.
pub fn page(report: &Report, date: &str) -> Result<String, Box<dyn Error>> {
    let (name, _) = best(report);
    let ours = report.candidates.iter().find(|figures| figures.name == name);
    let beside = report
        .baselines
        .iter()
        .filter(|figures| figures.name.starts_with("lines") || figures.name.starts_with("how far"));
    let shown: Vec<&Figures> = ours.into_iter().chain(beside).collect();
    let steps = |values: &[f64]| -> Vec<(f64, f64)> {
        let last = (values.len().max(2) - 1) as f64;
        values.iter().enumerate().map(|(step, value)| (step as f64 / last, *value)).collect()
    };
    let curves: Lines = shown.iter().map(|figures| (figures.name.clone(), steps(&figures.roc))).collect();
    let spread: Lines = shown.iter().map(|figures| (figures.name.clone(), steps(&figures.spread))).collect();
    let said: Lines = report
        .adaptation
        .iter()
        .map(|figures| {
            (
                figures.known.to_owned(),
                figures.calibration.iter().map(|[said, share, _]| (*said, *share)).collect(),
            )
        })
        .collect();
    let mut out = HEAD.to_owned();
    let _ = write!(
        out,
        "<h1>The risk model's evaluation</h1><p>{date}, data {}, feature schema {}</p>",
        report.data_hash, report.feature_schema
    );
    for (plot, caption) in [
        (
            plot("ROC within a repository, mean", ("false positives", "true positives"), &curves, true)?,
            "No outcome of the repository is known. The diagonal is chance.",
        ),
        (
            plot("AUC of each repository", ("share of repositories", "ROC-AUC"), &spread, false)?,
            "Repositories from the worst to the best ranked; many have one or two unstable tests.",
        ),
        (
            plot("Adapted: said and happened", ("probability said", "share that is flaky"), &said, true)?,
            "Tests whose outcome was not known, by tenths of what was said, pooled over repositories. The diagonal is right.",
        ),
    ] {
        let _ = write!(out, "<figure>{plot}<figcaption>{caption}</figcaption></figure>");
    }
    let _ = writeln!(
        out,
        "<pre>{}</pre></html>",
        super::evaluation(report).replace('&', "&amp;").replace('<', "&lt;")
    );
    Ok(out)
}

/// Lines over the unit square as SVG.
fn plot(title: &str, (x, y): (&str, &str), lines: &Lines, diagonal: bool) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        chart.configure_mesh().x_desc(x).y_desc(y).light_line_style(WHITE).draw()?;
        if diagonal {
            chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.3)))?;
        }
        for ((name, points), colour) in lines.iter().zip(COLOURS) {
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
            if points.len() <= 10 {
                chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
            }
        }
        chart
            .configure_series_labels()
            .position(if diagonal { SeriesLabelPosition::LowerRight } else { SeriesLabelPosition::UpperLeft })
            .background_style(WHITE.mix(0.8))
            .draw()?;
        area.present()?;
    }
    Ok(out)
}
